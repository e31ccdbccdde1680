import type { Entity } from '@backstage/catalog-model';

const VIEWS: Record<string, string> = { Component: 'application', System: 'application', Group: 'group' };

/** A CatalogProcessor for Backstage's backend: links each Component, System and Group to its costs on the FinOps page. */
export class FinopsLinkProcessor {
  private readonly page: string;

  /** `page` is where people open it, such as `https://finops.example.com`. */
  constructor(page: string) {
    this.page = page;
  }

  getProcessorName(): string {
    return 'FinopsLinkProcessor';
  }

  async preProcessEntity(entity: Entity): Promise<Entity> {
    const view = VIEWS[entity.kind];
    if (!view) return entity;
    const { name, namespace = 'default', annotations = {}, links = [] } = entity.metadata;
    const group = namespace === 'default' ? name : `${namespace}/${name}`;
    const id = view === 'group' ? group : annotations['finops/application-code'] ?? name;
    const url = `${this.page}/?view=${view}&id=${encodeURIComponent(id)}`;
    if (links.some(link => link.url === url)) return entity;
    return { ...entity, metadata: { ...entity.metadata, links: [...links, { url, title: 'Costs', icon: 'dashboard' }] } };
  }
}
