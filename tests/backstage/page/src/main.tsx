// Backstage's own page in an app that holds nothing else, with the client of docs/backstage as anybody would register it.
import React from 'react';
import ReactDOM from 'react-dom';
import { Route } from 'react-router-dom';
import { createApp } from '@backstage/app-defaults';
import { FlatRoutes } from '@backstage/core-app-api';
import { createApiFactory, discoveryApiRef, fetchApiRef } from '@backstage/core-plugin-api';
import { costInsightsApiRef, CostInsightsPage, costInsightsPlugin } from '@backstage-community/plugin-cost-insights';
import { FinopsCostInsightsClient } from '../../../../docs/backstage/FinopsCostInsightsClient';

const app = createApp({
  configLoader: async () => [{ context: 'app-config', data: await (await fetch('/app-config.json')).json() }],
  plugins: [costInsightsPlugin],
  apis: [
    createApiFactory({
      api: costInsightsApiRef,
      deps: { discoveryApi: discoveryApiRef, fetchApi: fetchApiRef },
      factory: deps => new FinopsCostInsightsClient(deps),
    }),
  ],
});
const Provider = app.getProvider();
const Router = app.getRouter();

ReactDOM.render(
  <Provider>
    <Router>
      <FlatRoutes>
        <Route path="/" element={<CostInsightsPage />} />
      </FlatRoutes>
    </Router>
  </Provider>,
  document.getElementById('root'),
);

// `#Breakdown by product` presses the button of that name, as soon as it is there.
const pressed = decodeURIComponent(window.location.hash.slice(1));
if (pressed) {
  const waiting = setInterval(() => {
    const button = [...document.querySelectorAll('button')].find(found => found.textContent === pressed);
    if (button) {
      clearInterval(waiting);
      button.click();
    }
  }, 500);
}
