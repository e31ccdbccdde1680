import { DiscoveryApi, FetchApi } from '@backstage/core-plugin-api';
import {
  Alert,
  CostInsightsApi,
  ProductInsightsOptions,
  ProjectGrowthAlert,
  ProjectGrowthData,
} from '@backstage-community/plugin-cost-insights';
import { Cost, Entity, Group, MetricData, Project } from '@backstage-community/plugin-cost-insights-common';

type AlertData = { kind: 'projectGrowth'; data: ProjectGrowthData };
type Query = Record<string, string | null | undefined>;

/** Cost Insights on the FinOps API, which Backstage's proxy reaches at `/finops` (app-config.yaml beside this file). */
export class FinopsCostInsightsClient implements CostInsightsApi {
  private readonly options: { discoveryApi: DiscoveryApi; fetchApi: FetchApi; currency?: string };

  /** `currency` (`EUR`) is needed only where costs are in several, which are never added up. */
  constructor(options: { discoveryApi: DiscoveryApi; fetchApi: FetchApi; currency?: string }) {
    this.options = options;
  }

  getLastCompleteBillingDate(): Promise<string> {
    return this.get('last-complete-billing-date');
  }

  getUserGroups(user: string): Promise<Group[]> {
    return this.get('groups', { user });
  }

  getGroupProjects(group: string): Promise<Project[]> {
    return this.get('projects', { group });
  }

  getGroupDailyCost(group: string, intervals: string): Promise<Cost> {
    return this.get('group-daily-cost', { group, intervals });
  }

  getProjectDailyCost(project: string, intervals: string): Promise<Cost> {
    return this.get('project-daily-cost', { project, intervals });
  }

  getCatalogEntityDailyCost(entity: string, intervals: string): Promise<Cost> {
    return this.get('catalog-entity-daily-cost', { entity, intervals });
  }

  getDailyMetricData(metric: string, intervals: string): Promise<MetricData> {
    return this.get(`metrics/${encodeURIComponent(metric)}`, { intervals });
  }

  getProductInsights(options: ProductInsightsOptions): Promise<Entity> {
    return this.get('product-insights', { ...options });
  }

  async getAlerts(group: string): Promise<Alert[]> {
    const alerts = await this.get<AlertData[]>('alerts', { group });
    return alerts.map(alert => new ProjectGrowthAlert(alert.data));
  }

  private async get<T>(path: string, query: Query = {}): Promise<T> {
    const { discoveryApi, fetchApi, currency } = this.options;
    const url = new URL(`${await discoveryApi.getBaseUrl('proxy')}/finops/api/cost-insights/${path}`);
    for (const [name, value] of Object.entries({ ...query, currency })) {
      if (value) url.searchParams.set(name, value);
    }
    const response = await fetchApi.fetch(url.toString());
    if (!response.ok) {
      const problem = await response.json().catch(() => ({}));
      throw new Error(problem.detail ?? `the FinOps API answers ${response.status} ${response.statusText}`);
    }
    return response.json();
  }
}
