// An Azure Machine Learning registry: models, environments and components that several workspaces share.

@description('Name, 3-33 letters, digits and hyphens.')
@minLength(3)
@maxLength(33)
param name string

@description('Azure region.')
param location string

@description('Tags.')
param tags object

@description('Object ids of the identities that may read and write its assets.')
param userPrincipalIds array

resource registry 'Microsoft.MachineLearningServices/registries@2025-06-01' = {
  name: name
  location: location
  tags: tags
  identity: {
    type: 'SystemAssigned'
  }
  properties: {
    publicNetworkAccess: 'Enabled'
    regionDetails: [
      {
        location: location
        acrDetails: [
          {
            systemCreatedAcrAccount: {
              acrAccountSku: 'Premium'
            }
          }
        ]
        storageAccountDetails: [
          {
            systemCreatedStorageAccount: {
              allowBlobPublicAccess: false
              storageAccountType: 'Standard_LRS'
              storageAccountHnsEnabled: false
            }
          }
        ]
      }
    ]
  }
}

module access 'registry-access.bicep' = {
  name: 'access-of-${name}'
  params: {
    registryName: registry.name
    userPrincipalIds: userPrincipalIds
  }
}

@description('Resource id.')
output id string = registry.id
