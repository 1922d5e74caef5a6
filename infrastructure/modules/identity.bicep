// A user-assigned identity, and the one GitHub subject (if any) whose tokens it accepts.

@description('Name.')
@minLength(3)
@maxLength(128)
param name string

@description('Azure region.')
param location string

@description('Tags.')
param tags object

@description('Subject of GitHub\'s token, compared letter by letter: repo:OWNER@OWNER-ID/REPO@REPO-ID:environment:NAME. Empty: none is accepted.')
param githubSubject string = ''

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: name
  location: location
  tags: tags
}

resource federatedCredential 'Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials@2023-01-31' = if (!empty(githubSubject)) {
  parent: identity
  name: 'github'
  properties: {
    issuer: 'https://token.actions.githubusercontent.com'
    subject: githubSubject
    audiences: [
      'api://AzureADTokenExchange'
    ]
  }
}

@description('Resource id.')
output id string = identity.id

@description('Object id, for role assignments.')
output principalId string = identity.properties.principalId

@description('Client id, for signing in.')
output clientId string = identity.properties.clientId
