-- Names of the clusters that this server is configured for.
SELECT DISTINCT cluster
FROM system.clusters
ORDER BY cluster
