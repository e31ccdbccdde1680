// Swagger UI on this API's own document; it asks no validator of another host.
SwaggerUIBundle({
  dom_id: "#swagger-ui",
  url: new URL("openapi.json", document.baseURI).href,
  validatorUrl: null,
  deepLinking: true,
  defaultModelsExpandDepth: 0,
});
