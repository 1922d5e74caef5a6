// Container registry that holds the images of the environments. No admin user: identities pull by role.

@description('Name, 5-50 letters and digits, globally unique.')
@minLength(5)
@maxLength(50)
param name string

@description('Azure region.')
param location string

@description('Tags.')
param tags object

@description('false: reachable by private endpoints only, which takes the Premium tier.')
param publicNetworkAccess bool

resource registry 'Microsoft.ContainerRegistry/registries@2023-07-01' = {
  name: name
  location: location
  tags: tags
  sku: {
    name: publicNetworkAccess ? 'Standard' : 'Premium'
  }
  properties: {
    adminUserEnabled: false
    publicNetworkAccess: publicNetworkAccess ? 'Enabled' : 'Disabled'
    networkRuleBypassOptions: 'AzureServices'
  }
}

@description('Resource id.')
output id string = registry.id

@description('Name.')
output name string = registry.name
