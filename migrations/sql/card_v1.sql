-- The rate card that ships, as it was at revision 0004. (In its JSON a space stands behind each colon that a digit
-- follows: Alembic would take the two for a parameter.)
INSERT INTO rate_card (version) VALUES (1);

INSERT INTO meters (service, meter, body, actor) VALUES
('sandbox_execution', 'minutes', '{"service": "sandbox_execution", "meter": "minutes", "unit": "minute", "decimals": 6, "dimensions": {"template": ["node", "python", "react", "nextjs"]}, "free_monthly": "100"}', 'migration'),
('storage', 'gb_months', '{"service": "storage", "meter": "gb_months", "unit": "GB-month", "decimals": 9, "dimensions": {}, "free_monthly": "1"}', 'migration'),
('workflow_processing', 'tasks', '{"service": "workflow_processing", "meter": "tasks", "unit": "task", "decimals": 0, "dimensions": {}, "free_monthly": "1000"}', 'migration'),
('neural_training', 'hours', '{"service": "neural_training", "meter": "hours", "unit": "hour", "decimals": 6, "dimensions": {"size": ["nano", "small", "medium", "large"]}, "free_monthly": null}', 'migration'),
('swarm_orchestration', 'swarms', '{"service": "swarm_orchestration", "meter": "swarms", "unit": null, "decimals": 0, "dimensions": {}, "free_monthly": null}', 'migration'),
('api_call', 'calls', '{"service": "api_call", "meter": "calls", "unit": null, "decimals": 0, "dimensions": {}, "free_monthly": null}', 'migration'),
('agent_deployment', 'deployments', '{"service": "agent_deployment", "meter": "deployments", "unit": null, "decimals": 0, "dimensions": {}, "free_monthly": null}', 'migration'),
('template_deployment', 'deployments', '{"service": "template_deployment", "meter": "deployments", "unit": null, "decimals": 0, "dimensions": {}, "free_monthly": null}', 'migration');

INSERT INTO prices (service, meter, selector, version, body, actor) VALUES
('sandbox_execution', 'minutes', '{"template":"node"}', 1, '{"version": 1, "dimensions": {"template": "node"}, "valid_from": "2020-01-01T00:00:00Z", "valid_to": null, "asset": "USD", "per_unit": "0.01"}', 'migration'),
('sandbox_execution', 'minutes', '{"template":"python"}', 1, '{"version": 1, "dimensions": {"template": "python"}, "valid_from": "2020-01-01T00:00:00Z", "valid_to": null, "asset": "USD", "per_unit": "0.01"}', 'migration'),
('sandbox_execution', 'minutes', '{"template":"react"}', 1, '{"version": 1, "dimensions": {"template": "react"}, "valid_from": "2020-01-01T00:00:00Z", "valid_to": null, "asset": "USD", "per_unit": "0.02"}', 'migration'),
('sandbox_execution', 'minutes', '{"template":"nextjs"}', 1, '{"version": 1, "dimensions": {"template": "nextjs"}, "valid_from": "2020-01-01T00:00:00Z", "valid_to": null, "asset": "USD", "per_unit": "0.02"}', 'migration'),
('storage', 'gb_months', '{}', 1, '{"version": 1, "dimensions": {}, "valid_from": "2020-01-01T00:00:00Z", "valid_to": null, "asset": "USD", "per_unit": "0.1"}', 'migration'),
('workflow_processing', 'tasks', '{}', 1, '{"version": 1, "dimensions": {}, "valid_from": "2020-01-01T00:00:00Z", "valid_to": null, "asset": "USD", "per_unit": "0.001"}', 'migration'),
('neural_training', 'hours', '{"size":"nano"}', 1, '{"version": 1, "dimensions": {"size": "nano"}, "valid_from": "2020-01-01T00:00:00Z", "valid_to": null, "asset": "USD", "per_unit": "0.05"}', 'migration'),
('neural_training', 'hours', '{"size":"small"}', 1, '{"version": 1, "dimensions": {"size": "small"}, "valid_from": "2020-01-01T00:00:00Z", "valid_to": null, "asset": "USD", "per_unit": "0.15"}', 'migration'),
('neural_training', 'hours', '{"size":"medium"}', 1, '{"version": 1, "dimensions": {"size": "medium"}, "valid_from": "2020-01-01T00:00:00Z", "valid_to": null, "asset": "USD", "per_unit": "0.5"}', 'migration'),
('neural_training', 'hours', '{"size":"large"}', 1, '{"version": 1, "dimensions": {"size": "large"}, "valid_from": "2020-01-01T00:00:00Z", "valid_to": null, "asset": "USD", "per_unit": "2"}', 'migration');
