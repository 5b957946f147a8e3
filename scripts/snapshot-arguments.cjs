/** Ids that stand for a subscription, a tenant and a group: snapshots are compared, so they must not vary. */
const snapshotMetadata = {
  subscriptionId: '00000000-0000-0000-0000-000000000001',
  tenantId: '00000000-0000-0000-0000-000000000002',
  resourceGroup: 'rg-oversight-prod-saas-eastus',
  location: 'eastus',
  deploymentName: 'main',
};

const snapshotArguments = [
  '--subscription-id',
  snapshotMetadata.subscriptionId,
  '--tenant-id',
  snapshotMetadata.tenantId,
  '--resource-group',
  snapshotMetadata.resourceGroup,
  '--location',
  snapshotMetadata.location,
  '--deployment-name',
  snapshotMetadata.deploymentName,
];

module.exports = { snapshotMetadata, snapshotArguments };
