// Shapes of parameters that more than one file uses.

@export()
@description('A cluster of Azure Machine Learning (AmlCompute).')
type computeCluster = {
  @description('Name that the YAML files use: azureml:NAME. Letters, digits and hyphens, starting with a letter.')
  @minLength(3)
  @maxLength(24)
  name: string

  @description('Virtual machine size, for example Standard_DS3_v2.')
  size: string

  @description('Nodes kept when idle. 0: none, nothing to pay between runs.')
  @minValue(0)
  minNodes: int

  @description('Most nodes at the same time.')
  @minValue(1)
  maxNodes: int

  @description('LowPriority is cheaper and may be taken away in the middle of a run.')
  tier: 'Dedicated' | 'LowPriority'

  @description('Seconds without work before a node is given back.')
  @minValue(60)
  idleSeconds: int
}
