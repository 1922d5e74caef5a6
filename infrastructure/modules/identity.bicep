// A user-assigned identity, and the GitHub subjects (if any) whose tokens it accepts.

@description('Name.')
@minLength(3)
@maxLength(128)
param name string

@description('Azure region.')
param location string

@description('Tags.')
param tags object

@description('Subjects of GitHub\'s tokens, compared letter by letter: repo:OWNER@OWNER-ID/REPO@REPO-ID:environment:NAME, or repo:OWNER/REPO:environment:NAME of a repository whose subjects have no ids. None: no token is accepted.')
@maxLength(20)
param githubSubjects string[] = []

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: name
  location: location
  tags: tags
}

@batchSize(1) // Entra ID refuses to write two credentials of one identity at the same time
resource federatedCredentials 'Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials@2023-01-31' = [for (subject, i) in githubSubjects: {
  parent: identity
  name: i == 0 ? 'github' : 'github-${i + 1}'
  properties: {
    issuer: 'https://token.actions.githubusercontent.com'
    subject: subject
    audiences: [
      'api://AzureADTokenExchange'
    ]
  }
}]

@description('Name.')
output name string = identity.name

@description('Resource id.')
output id string = identity.id

@description('Object id, for role assignments.')
output principalId string = identity.properties.principalId

@description('Client id, for signing in.')
output clientId string = identity.properties.clientId
