// A managed network joins storage, vault and registry by private endpoints, which the workspace's own identity must be
// allowed to approve (since April 2025 the service no longer gives itself that right).

import { roleIds } from 'roles.bicep'

@description('Object id of the workspace\'s own identity.')
param workspacePrincipalId string

resource approver 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(resourceGroup().id, workspacePrincipalId, roleIds.azureAiEnterpriseNetworkConnectionApprover)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds.azureAiEnterpriseNetworkConnectionApprover)
    principalId: workspacePrincipalId
    principalType: 'ServicePrincipal'
  }
}
