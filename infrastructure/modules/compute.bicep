// Compute clusters. They run as a user-assigned identity: without shared keys, that is how a job reads and writes data.

import { computeCluster } from 'types.bicep'

@description('Name of the workspace.')
param workspaceName string

@description('Azure region.')
param location string

@description('Tags.')
param tags object

@description('Clusters to create.')
param clusters computeCluster[]

@description('Resource id of the identity that the nodes run as.')
param identityId string

@description('Give nodes a public address. Not with a managed network.')
param nodePublicIp bool

resource workspace 'Microsoft.MachineLearningServices/workspaces@2025-06-01' existing = {
  name: workspaceName
}

resource computes 'Microsoft.MachineLearningServices/workspaces/computes@2025-06-01' = [for cluster in clusters: {
  parent: workspace
  name: cluster.name
  location: location
  tags: tags
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    computeType: 'AmlCompute'
    disableLocalAuth: true
    properties: {
      vmSize: cluster.size
      vmPriority: cluster.tier
      osType: 'Linux'
      enableNodePublicIp: nodePublicIp
      remoteLoginPortPublicAccess: 'Disabled'
      scaleSettings: {
        minNodeCount: cluster.minNodes
        maxNodeCount: cluster.maxNodes
        nodeIdleTimeBeforeScaleDown: 'PT${cluster.idleSeconds}S'
      }
    }
  }
}]
