/** The network of a world. Two worlds may use the same addresses: neither sees the other's. */
export const nodeName = 'node-1';
export const nodeAddress = '10.244.0.1';
export const podNetwork = '10.244.0.0/24';
export const serviceNetwork = '10.96.0.0/16';
/** The first address of the service network is the API server's. */
export const apiServiceAddress = '10.96.0.1';
export const apiServer = `https://${nodeAddress}:6443`;
export const clusterDomain = 'cluster.local';
export const registryName = 'registry.gap.test';
export const registryInsideHost = `${registryName}:5000`;
