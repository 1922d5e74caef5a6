// Who may do what: the least that the actions, the clusters and the people need, on single resources, never on the group.

import { roleIds } from 'roles.bicep'

@description('Name of the workspace.')
param workspaceName string

@description('Name of the storage account.')
param storageAccountName string

@description('Name of the container registry.')
param containerRegistryName string

@description('Object id of the identity that GitHub\'s jobs sign in as.')
param githubPrincipalId string

@description('Object id of the clusters\' identity.')
param computePrincipalId string

@description('Name of the clusters\' identity.')
param computeIdentityName string

@description('Object id of the group of people who use the workspace. Empty: none.')
param dataScientistGroupId string

// Environments, jobs, models, endpoints; the clusters; and reading the workspace itself.
var githubOnWorkspace = [
  roleIds.azureMlDataScientist
  roleIds.azureMlComputeOperator
  roleIds.reader
]
// Batch deployments and parallel steps hand out their mini-batches through queues and tables.
var computeOnStorage = [
  roleIds.storageBlobDataContributor
  roleIds.storageQueueDataContributor
  roleIds.storageTableDataContributor
]
// The file share holds the notebooks of compute instances.
var peopleOnStorage = [
  roleIds.storageBlobDataContributor
  roleIds.storageFileDataPrivilegedContributor
]

resource workspace 'Microsoft.MachineLearningServices/workspaces@2025-06-01' existing = {
  name: workspaceName
}

resource storage 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: storageAccountName
}

resource containerRegistry 'Microsoft.ContainerRegistry/registries@2023-07-01' existing = {
  name: containerRegistryName
}

resource githubWorkspaceRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for roleId in githubOnWorkspace: {
  name: guid(workspace.id, githubPrincipalId, roleId)
  scope: workspace
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleId)
    principalId: githubPrincipalId
    principalType: 'ServicePrincipal'
  }
}]

// Code, data and models are uploaded, and outputs downloaded, as the caller.
resource githubStorageRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(storage.id, githubPrincipalId, roleIds.storageBlobDataContributor)
  scope: storage
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds.storageBlobDataContributor)
    principalId: githubPrincipalId
    principalType: 'ServicePrincipal'
  }
}

resource computeStorageRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for roleId in computeOnStorage: {
  name: guid(storage.id, computePrincipalId, roleId)
  scope: storage
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleId)
    principalId: computePrincipalId
    principalType: 'ServicePrincipal'
  }
}]

resource computeRegistryRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(containerRegistry.id, computePrincipalId, roleIds.acrPull)
  scope: containerRegistry
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds.acrPull)
    principalId: computePrincipalId
    principalType: 'ServicePrincipal'
  }
}

resource computeIdentity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' existing = {
  name: computeIdentityName
}

// To hand it to clusters that the action create-compute makes.
resource githubIdentityRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(computeIdentity.id, githubPrincipalId, roleIds.managedIdentityOperator)
  scope: computeIdentity
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds.managedIdentityOperator)
    principalId: githubPrincipalId
    principalType: 'ServicePrincipal'
  }
}

resource peopleWorkspaceRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(dataScientistGroupId)) {
  name: guid(workspace.id, dataScientistGroupId, roleIds.azureMlDataScientist)
  scope: workspace
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds.azureMlDataScientist)
    principalId: dataScientistGroupId
    principalType: 'Group'
  }
}

resource peopleStorageRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for roleId in peopleOnStorage: if (!empty(dataScientistGroupId)) {
  name: guid(storage.id, dataScientistGroupId, roleId)
  scope: storage
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleId)
    principalId: dataScientistGroupId
    principalType: 'Group'
  }
}]
