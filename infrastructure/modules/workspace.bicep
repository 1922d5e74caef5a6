// The Azure Machine Learning workspace. Its own identity gets its roles on storage, vault and registry from the service
// when it is created; giving them here too would fail with RoleAssignmentExists.

@description('Name, 3-33 letters, digits and hyphens.')
@minLength(3)
@maxLength(33)
param name string

@description('Azure region.')
param location string

@description('Tags.')
param tags object

@description('Resource id of the storage account.')
param storageAccountId string

@description('Resource id of the key vault.')
param keyVaultId string

@description('Resource id of the container registry.')
param containerRegistryId string

@description('Resource id of Application Insights.')
param applicationInsightsId string

@description('Disabled, AllowInternetOutbound or AllowOnlyApprovedOutbound.')
param managedNetworkIsolation string

@description('false: reachable by private endpoints only.')
param publicNetworkAccess bool

@description('Cluster that builds images. Empty: the container registry builds them.')
param imageBuildCompute string

resource workspace 'Microsoft.MachineLearningServices/workspaces@2025-06-01' = {
  name: name
  location: location
  tags: tags
  kind: 'Default'
  sku: {
    name: 'Basic'
    tier: 'Basic'
  }
  identity: {
    type: 'SystemAssigned'
  }
  properties: {
    friendlyName: name
    storageAccount: storageAccountId
    keyVault: keyVaultId
    containerRegistry: containerRegistryId
    applicationInsights: applicationInsightsId
    // The storage account has no shared keys: the datastores use the caller's identity, or the cluster's.
    systemDatastoresAuthMode: 'Identity'
    v1LegacyMode: false
    publicNetworkAccess: publicNetworkAccess ? 'Enabled' : 'Disabled'
    managedNetwork: {
      isolationMode: managedNetworkIsolation
    }
    imageBuildCompute: empty(imageBuildCompute) ? null : imageBuildCompute
  }
}

@description('Resource id.')
output id string = workspace.id

@description('Name.')
output name string = workspace.name

@description('Object id of the workspace\'s own identity.')
output principalId string = workspace.identity.principalId
