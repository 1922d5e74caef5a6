// Who may use the assets of an Azure Machine Learning registry.

import { roleIds } from 'roles.bicep'

@description('Name of the registry.')
param registryName string

@description('Object ids of the identities that may read and write its assets.')
param userPrincipalIds array

resource registry 'Microsoft.MachineLearningServices/registries@2025-06-01' existing = {
  name: registryName
}

resource users 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for principalId in userPrincipalIds: {
  name: guid(registry.id, principalId, roleIds.azureMlRegistryUser)
  scope: registry
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds.azureMlRegistryUser)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}]
