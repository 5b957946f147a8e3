export const snapshotMetadata: {
  readonly subscriptionId: string;
  readonly tenantId: string;
  readonly resourceGroup: string;
  readonly location: string;
  readonly deploymentName: string;
};
export const snapshotArguments: readonly string[];
