// Roles of the infrastructure workflow. One identity looks (what-if, drift), the other deploys, and may give nothing but the
// roles that main.bicep gives: neither can make itself or anybody else an owner.
targetScope = 'subscription'

import { roleIds } from 'roles.bicep'

@description('Distinguishes the custom role\'s name in the tenant.')
param name string

@description('Object id of the identity that looks.')
param planPrincipalId string

@description('Object id of the identity that deploys.')
param deployPrincipalId string

var scope = subscription().id
var assignable = join([
  roleIds.acrPull
  roleIds.azureAiEnterpriseNetworkConnectionApprover
  roleIds.azureMlComputeOperator
  roleIds.azureMlDataScientist
  roleIds.azureMlRegistryUser
  roleIds.managedIdentityOperator
  roleIds.reader
  roleIds.storageBlobDataContributor
  roleIds.storageFileDataPrivilegedContributor
  roleIds.storageQueueDataContributor
  roleIds.storageTableDataContributor
], ', ')
var onlyAssignable = '((!(ActionMatches{\'Microsoft.Authorization/roleAssignments/write\'})) OR (@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {${assignable}})) AND ((!(ActionMatches{\'Microsoft.Authorization/roleAssignments/delete\'})) OR (@Resource[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {${assignable}}))'

var whatIfName = 'Deployment what-if (${name}, ${take(subscription().subscriptionId, 8)})'

// Reader cannot ask what a deployment would do; this adds the question and nothing that changes anything.
resource whatIf 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(scope, name, 'what-if')
  properties: {
    roleName: whatIfName
    description: 'Validate a deployment and ask what it would change.'
    type: 'CustomRole'
    assignableScopes: [
      scope
    ]
    permissions: [
      {
        actions: [
          'Microsoft.Resources/deployments/validate/action'
          'Microsoft.Resources/deployments/whatIf/action'
        ]
      }
    ]
  }
}

resource planWhatIf 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(scope, planPrincipalId, whatIf.id)
  properties: {
    roleDefinitionId: whatIf.id
    principalId: planPrincipalId
    principalType: 'ServicePrincipal'
  }
}

resource planReader 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(scope, planPrincipalId, roleIds.reader)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds.reader)
    principalId: planPrincipalId
    principalType: 'ServicePrincipal'
  }
}

resource deployContributor 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(scope, deployPrincipalId, roleIds.contributor)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds.contributor)
    principalId: deployPrincipalId
    principalType: 'ServicePrincipal'
  }
}

resource deployAccess 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(scope, deployPrincipalId, roleIds.roleBasedAccessControlAdministrator)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds.roleBasedAccessControlAdministrator)
    principalId: deployPrincipalId
    principalType: 'ServicePrincipal'
    conditionVersion: '2.0'
    condition: onlyAssignable
  }
}

@description('Name of the custom role that this makes.')
output customRoleName string = whatIfName
