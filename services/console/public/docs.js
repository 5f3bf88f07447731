/** Starts Swagger UI, served from here, on this installation's own description. */
window.SwaggerUIBundle({ url: '/openapi.json', dom_id: '#api', deepLinking: true, tryItOutEnabled: false });
