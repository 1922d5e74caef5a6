// Private way in: a virtual network with private endpoints for the workspace and what it stands on, and their DNS zones.
// Runners must be in this network, or in one that is peered with it and uses these zones.

@description('Name of the virtual network.')
param virtualNetworkName string

@description('Azure region.')
param location string

@description('Tags.')
param tags object

@description('Address space, /24 or larger; the first /24 of it is the subnet of the endpoints.')
param addressPrefix string

@description('Resource id of the workspace.')
param workspaceId string

@description('Resource id of the storage account.')
param storageAccountId string

@description('Resource id of the key vault.')
param keyVaultId string

@description('Resource id of the container registry.')
param containerRegistryId string

var subnetName = 'endpoints'
var zoneNames = [
  'privatelink.api.azureml.ms'
  'privatelink.notebooks.azure.net'
  'privatelink.blob.${environment().suffixes.storage}'
  'privatelink.file.${environment().suffixes.storage}'
  'privatelink.vaultcore.azure.net'
  'privatelink.azurecr.io'
]
// zones: positions in zoneNames.
var endpoints = [
  {
    name: 'workspace'
    resourceId: workspaceId
    groupId: 'amlworkspace'
    zones: [
      0
      1
    ]
  }
  {
    name: 'blob'
    resourceId: storageAccountId
    groupId: 'blob'
    zones: [
      2
    ]
  }
  {
    name: 'file'
    resourceId: storageAccountId
    groupId: 'file'
    zones: [
      3
    ]
  }
  {
    name: 'vault'
    resourceId: keyVaultId
    groupId: 'vault'
    zones: [
      4
    ]
  }
  {
    name: 'registry'
    resourceId: containerRegistryId
    groupId: 'registry'
    zones: [
      5
    ]
  }
]

resource virtualNetwork 'Microsoft.Network/virtualNetworks@2024-05-01' = {
  name: virtualNetworkName
  location: location
  tags: tags
  properties: {
    addressSpace: {
      addressPrefixes: [
        addressPrefix
      ]
    }
    // Inside the network, not as a resource of its own: deploying a network again without its subnets can take them away.
    subnets: [
      {
        name: subnetName
        properties: {
          addressPrefix: cidrSubnet(addressPrefix, 24, 0)
          privateEndpointNetworkPolicies: 'Disabled'
        }
      }
    ]
  }
}

resource zones 'Microsoft.Network/privateDnsZones@2024-06-01' = [for zoneName in zoneNames: {
  name: zoneName
  location: 'global'
  tags: tags
}]

resource zoneLinks 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [for (zoneName, i) in zoneNames: {
  parent: zones[i]
  name: virtualNetworkName
  location: 'global'
  tags: tags
  properties: {
    registrationEnabled: false
    virtualNetwork: {
      id: virtualNetwork.id
    }
  }
}]

resource privateEndpoints 'Microsoft.Network/privateEndpoints@2024-05-01' = [for endpoint in endpoints: {
  name: '${virtualNetworkName}-${endpoint.name}'
  location: location
  tags: tags
  properties: {
    subnet: {
      id: '${virtualNetwork.id}/subnets/${subnetName}'
    }
    privateLinkServiceConnections: [
      {
        name: endpoint.name
        properties: {
          privateLinkServiceId: endpoint.resourceId
          groupIds: [
            endpoint.groupId
          ]
        }
      }
    ]
  }
}]

resource zoneGroups 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2024-05-01' = [for (endpoint, i) in endpoints: {
  parent: privateEndpoints[i]
  name: 'default'
  properties: {
    privateDnsZoneConfigs: [for zone in endpoint.zones: {
      name: replace(zoneNames[zone], '.', '-')
      properties: {
        privateDnsZoneId: resourceId('Microsoft.Network/privateDnsZones', zoneNames[zone])
      }
    }]
  }
  dependsOn: [
    zones
  ]
}]
