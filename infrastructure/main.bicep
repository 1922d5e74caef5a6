// One environment (dev, test, prod ...) of the suite on Azure: a resource group with a workspace, what the workspace
// stands on, and the identity that GitHub signs in with. From this folder:
//
//   az deployment sub create --name NAME --location LOCATION --template-file main.bicep \
//     --parameters prefix=ydamlv2 postfix=yd2023 env=dev
//
// README.md says what each setting does, what is created, and what was not verified against Azure.
targetScope = 'subscription'

import { computeCluster } from 'modules/types.bicep'

// ------------------------------------------------------------------------------------------------ naming

@description('First part of every name, for example the team. Letters and digits; anything else is left out of names.')
@minLength(1)
@maxLength(10)
param prefix string

@description('Second part of every name, for example the project. Letters and digits; anything else is left out of names.')
@minLength(1)
@maxLength(10)
param postfix string

@description('Environment: third part of every name inside the group, and the GitHub environment whose jobs may sign in.')
@minLength(1)
@maxLength(7)
param env string = 'dev'

@description('Changes the globally unique names. For a second try while a deleted key vault still holds the old name.')
param uniqueSalt string = ''

@description('false: environments share the group rg-amlv2-PREFIX-POSTFIX. true: each has its own, ending in -ENV.')
param groupPerEnvironment bool = false

@description('Azure region of every resource. By default the one of the deployment (--location).')
param location string = deployment().location

@description('Tags set on every resource, besides managed-by and environment.')
param tags object = {}

// ------------------------------------------------------------------------------------------------ who may sign in

@description('How GitHub starts the subject of this repository\'s tokens, for example repo:octo-org@123456/octo-repo@456789; scripts/setup_github.py finds it. Two with a space between, while a repository moves from names to ids: both are accepted. Empty: GitHub gets no way in.')
param githubSubjectPrefix string = ''

@description('GitHub environment whose jobs may sign in as this environment\'s identity.')
param githubEnvironment string = env

@description('Object id of the Entra group of the people who use the workspace. Without shared keys they need data roles. Empty: nobody is added.')
param dataScientistGroupId string = ''

@description('Also create the identities of the infrastructure workflow: one that may only look, one that may deploy. Once per subscription, by an owner.')
param infrastructureIdentities bool = false

// ------------------------------------------------------------------------------------------------ size and options

@description('Compute clusters. They scale to minNodes when idle; with 0 they cost nothing between runs.')
param computeClusters computeCluster[] = [
  {
    name: 'cpu-cluster'
    size: 'Standard_DS3_v2'
    minNodes: 0
    maxNodes: 4
    tier: 'LowPriority'
    idleSeconds: 120
  }
]

@description('Redundancy of the storage account.')
@allowed([
  'Standard_LRS'
  'Standard_ZRS'
  'Standard_GRS'
])
param storageSku string = 'Standard_LRS'

@description('Days that logs are kept.')
@minValue(30)
@maxValue(730)
param logRetentionDays int = 30

@description('Outbound traffic of clusters and endpoints: Disabled (no isolation), AllowInternetOutbound or AllowOnlyApprovedOutbound (managed network).')
@allowed([
  'Disabled'
  'AllowInternetOutbound'
  'AllowOnlyApprovedOutbound'
])
param managedNetworkIsolation string = 'Disabled'

@description('Reach the workspace, storage, key vault and container registry by private endpoints only. Needs runners inside that network.')
param privateNetwork bool = false

@description('Address space of the private network.')
param virtualNetworkAddressPrefix string = '10.42.0.0/22'

@description('Create an Azure Machine Learning registry, to share one model version between environments.')
param deployRegistry bool = false

@description('Resource id of a registry made by another environment, which this environment\'s identity may use too. Empty: none.')
param sharedRegistryId string = ''

// ------------------------------------------------------------------------------------------------ names
// Legal whatever the parameters are: only letters and digits survive, the first character is a letter, lengths are cut.
// tests/unit/infrastructure/test_names.py computes them for extreme values.

var letters = 'abcdefghijklmnopqrstuvwxyz'
var lettersAndDigits = '${letters}0123456789'
var prefixClean = join(filter(map(range(0, length(prefix)), i => substring(toLower(prefix), i, 1)), c => contains(lettersAndDigits, c)), '')
var postfixClean = join(filter(map(range(0, length(postfix)), i => substring(toLower(postfix), i, 1)), c => contains(lettersAndDigits, c)), '')
var envClean = join(filter(map(range(0, length(env)), i => substring(toLower(env), i, 1)), c => contains(lettersAndDigits, c)), '')

var firstPart = take(contains(letters, take('${prefixClean}0', 1)) ? prefixClean : 'm${prefixClean}', 10)
var secondPart = empty(postfixClean) ? 'x' : postfixClean
var thirdPart = empty(envClean) ? 'x' : envClean
var base = '${firstPart}-${secondPart}-${thirdPart}'
var compact = '${firstPart}${secondPart}${thirdPart}'
var unique = uniqueString(subscription().subscriptionId, prefix, postfix, env, uniqueSalt)

var resourceGroupName = groupPerEnvironment ? 'rg-amlv2-${firstPart}-${secondPart}-${thirdPart}' : 'rg-amlv2-${firstPart}-${secondPart}'
var workspaceName = '${base}-mlw'
var storageName = '${take(compact, 14)}st${take(unique, 8)}'
var keyVaultName = replace('${take(base, 13)}-kv-${take(unique, 7)}', '--', '-')
var containerRegistryName = '${compact}cr${take(unique, 8)}'
var logAnalyticsName = '${base}-log'
var applicationInsightsName = '${base}-appi'
var githubIdentityName = '${base}-id-github'
var computeIdentityName = '${base}-id-compute'
var planIdentityName = '${base}-id-plan'
var deployIdentityName = '${base}-id-deploy'
var virtualNetworkName = '${base}-vnet'
var registryName = '${base}-mlr'

var allTags = union(tags, {
  'managed-by': 'bicep'
  environment: env
})
var subjectPrefixes = empty(githubSubjectPrefix) ? [] : split(githubSubjectPrefix, ' ')
// A private workspace with unisolated clusters could not reach its own storage.
var isolation = privateNetwork && managedNetworkIsolation == 'Disabled' ? 'AllowInternetOutbound' : managedNetworkIsolation

// ------------------------------------------------------------------------------------------------ resources

resource group 'Microsoft.Resources/resourceGroups@2024-11-01' = {
  name: resourceGroupName
  location: location
  tags: groupPerEnvironment ? allTags : union(tags, { 'managed-by': 'bicep' })
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring-${thirdPart}'
  scope: group
  params: {
    logAnalyticsName: logAnalyticsName
    applicationInsightsName: applicationInsightsName
    location: location
    tags: allTags
    retentionDays: logRetentionDays
  }
}

module storage 'modules/storage.bicep' = {
  name: 'storage-${thirdPart}'
  scope: group
  params: {
    name: storageName
    location: location
    tags: allTags
    sku: storageSku
    publicNetworkAccess: !privateNetwork
  }
}

module keyVault 'modules/key-vault.bicep' = {
  name: 'key-vault-${thirdPart}'
  scope: group
  params: {
    name: keyVaultName
    location: location
    tags: allTags
    publicNetworkAccess: !privateNetwork
  }
}

module containerRegistry 'modules/container-registry.bicep' = {
  name: 'container-registry-${thirdPart}'
  scope: group
  params: {
    name: containerRegistryName
    location: location
    tags: allTags
    publicNetworkAccess: !privateNetwork
  }
}

module githubIdentity 'modules/identity.bicep' = {
  name: 'identity-github-${thirdPart}'
  scope: group
  params: {
    name: githubIdentityName
    location: location
    tags: allTags
    githubSubjects: map(subjectPrefixes, start => '${start}:environment:${githubEnvironment}')
  }
}

module computeIdentity 'modules/identity.bicep' = {
  name: 'identity-compute-${thirdPart}'
  scope: group
  params: {
    name: computeIdentityName
    location: location
    tags: allTags
  }
}

module workspace 'modules/workspace.bicep' = {
  name: 'workspace-${thirdPart}'
  scope: group
  params: {
    name: workspaceName
    location: location
    tags: allTags
    storageAccountId: storage.outputs.id
    keyVaultId: keyVault.outputs.id
    containerRegistryId: containerRegistry.outputs.id
    applicationInsightsId: monitoring.outputs.applicationInsightsId
    managedNetworkIsolation: isolation
    publicNetworkAccess: !privateNetwork
    // The registry's own builders cannot reach a private registry: a cluster builds the images instead.
    imageBuildCompute: privateNetwork && !empty(computeClusters) ? computeClusters[0].name : ''
  }
}

module access 'modules/access.bicep' = {
  name: 'access-${thirdPart}'
  scope: group
  params: {
    workspaceName: workspace.outputs.name
    storageAccountName: storage.outputs.name
    containerRegistryName: containerRegistry.outputs.name
    githubPrincipalId: githubIdentity.outputs.principalId
    computePrincipalId: computeIdentity.outputs.principalId
    computeIdentityName: computeIdentity.outputs.name
    dataScientistGroupId: dataScientistGroupId
  }
}

module managedNetworkAccess 'modules/managed-network-access.bicep' = if (isolation != 'Disabled') {
  name: 'managed-network-access-${thirdPart}'
  scope: group
  params: {
    workspacePrincipalId: workspace.outputs.principalId
  }
}

module compute 'modules/compute.bicep' = {
  name: 'compute-${thirdPart}'
  scope: group
  params: {
    workspaceName: workspace.outputs.name
    location: location
    tags: allTags
    clusters: computeClusters
    identityId: computeIdentity.outputs.id
    nodePublicIp: isolation == 'Disabled'
  }
  // Nodes that start before their identity may pull images and read data fail in ways that are hard to read.
  dependsOn: [
    access
    managedNetworkAccess
  ]
}

module network 'modules/network.bicep' = if (privateNetwork) {
  name: 'network-${thirdPart}'
  scope: group
  params: {
    virtualNetworkName: virtualNetworkName
    location: location
    tags: allTags
    addressPrefix: virtualNetworkAddressPrefix
    workspaceId: workspace.outputs.id
    storageAccountId: storage.outputs.id
    keyVaultId: keyVault.outputs.id
    containerRegistryId: containerRegistry.outputs.id
  }
}

module registry 'modules/registry.bicep' = if (deployRegistry) {
  name: 'registry-${thirdPart}'
  scope: group
  params: {
    name: registryName
    location: location
    tags: allTags
    userPrincipalIds: [
      githubIdentity.outputs.principalId
      computeIdentity.outputs.principalId
    ]
  }
}

module sharedRegistryAccess 'modules/registry-access.bicep' = if (!empty(sharedRegistryId)) {
  name: 'registry-access-${thirdPart}'
  scope: resourceGroup(split(sharedRegistryId, '/')[2], split(sharedRegistryId, '/')[4])
  params: {
    registryName: last(split(sharedRegistryId, '/'))
    userPrincipalIds: [
      githubIdentity.outputs.principalId
      computeIdentity.outputs.principalId
    ]
  }
}

module planIdentity 'modules/identity.bicep' = if (infrastructureIdentities) {
  name: 'identity-plan-${thirdPart}'
  scope: group
  params: {
    name: planIdentityName
    location: location
    tags: allTags
    githubSubjects: map(subjectPrefixes, start => '${start}:environment:infrastructure-plan')
  }
}

module deployIdentity 'modules/identity.bicep' = if (infrastructureIdentities) {
  name: 'identity-deploy-${thirdPart}'
  scope: group
  params: {
    name: deployIdentityName
    location: location
    tags: allTags
    githubSubjects: map(subjectPrefixes, start => '${start}:environment:infrastructure')
  }
}

module subscriptionAccess 'modules/subscription-access.bicep' = if (infrastructureIdentities) {
  name: 'subscription-access-${thirdPart}'
  params: {
    name: '${firstPart}-${secondPart}'
    planPrincipalId: planIdentity!.outputs.principalId
    deployPrincipalId: deployIdentity!.outputs.principalId
  }
}

// ------------------------------------------------------------------------------------------------ outputs
// In capitals: the variables of the GitHub environment (scripts/setup_github.py copies them). None of them is a secret.

@description('Client id that GitHub\'s jobs of this environment sign in with.')
output AZURE_CLIENT_ID string = githubIdentity.outputs.clientId

@description('Entra tenant of the subscription.')
output AZURE_TENANT_ID string = tenant().tenantId

@description('Subscription that holds the workspace.')
output AZURE_SUBSCRIPTION_ID string = subscription().subscriptionId

@description('Resource group of the workspace.')
output RESOURCE_GROUP string = group.name

@description('Name of the workspace.')
output WORKSPACE_NAME string = workspace.outputs.name

@description('Resource id of the identity that clusters run as: without shared keys, that is how jobs read and write data.')
output CLUSTER_IDENTITY string = computeIdentity.outputs.id

@description('Resource id of the registry that this deployment made, for sharedRegistryId of other environments; empty without one.')
output registryId string = deployRegistry ? registry!.outputs.id : ''

@description('Client id of the infrastructure workflow\'s reading identity; empty when it was not asked for.')
output planClientId string = infrastructureIdentities ? planIdentity!.outputs.clientId : ''

@description('Client id of the infrastructure workflow\'s deploying identity; empty when it was not asked for.')
output deployClientId string = infrastructureIdentities ? deployIdentity!.outputs.clientId : ''

@description('Name of the custom role of the reading identity; empty when it was not asked for.')
output planRoleName string = infrastructureIdentities ? subscriptionAccess!.outputs.customRoleName : ''
