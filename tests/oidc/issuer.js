// A certified OpenID provider for the tests, on 127.0.0.1, of one configuration file:
// {port, clients: [...], claims: {<client>: {…}}, jwks: {keys: [...]}}. People log in by the name that
// they bring (login_hint); a resource urn:suyuan:<alg>:<seconds> gives access tokens for the audience suyuan,
// any other one for itself.

import { readFileSync } from "node:fs";
import Provider from "oidc-provider";

const told = JSON.parse(readFileSync(process.argv[2], "utf8"));
const issuer = `http://127.0.0.1:${told.port}`;

const provider = new Provider(issuer, {
  clients: told.clients,
  jwks: told.jwks,
  cookies: { keys: ["a key of the tests"] },
  enabledJWA: { idTokenSigningAlgValues: ["EdDSA", "ES256", "RS256", "PS256"] },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  extraTokenClaims: (_, token) => told.claims[token.clientId],
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  loadExistingGrant: async (ctx) => {
    const grant = new ctx.oidc.provider.Grant({
      clientId: ctx.oidc.client.clientId,
      accountId: ctx.oidc.session.accountId,
    });
    grant.addOIDCScope("openid");
    for (const resource of [ctx.oidc.params.resource].flat().filter(Boolean)) {
      grant.addResourceScope(resource, "api");
    }
    await grant.save();
    return grant;
  },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      useGrantedResource: () => true,
      getResourceServerInfo: (_, resource) => {
        const [, name, alg = "EdDSA", seconds = "300"] = resource.split(":");
        return {
          scope: "api",
          audience: name === "suyuan" ? "suyuan" : resource,
          accessTokenFormat: "jwt",
          accessTokenTTL: Number(seconds),
          jwt: { sign: { alg } },
        };
      },
    },
  },
  pkce: { required: () => false },
  ttl: { Interaction: 60, Session: 600, Grant: 600, IdToken: 300 },
});

provider.use(async (ctx, next) => {
  if (!ctx.path.startsWith("/interaction/")) return next();
  const { params } = await provider.interactionDetails(ctx.req, ctx.res);
  const result = { login: { accountId: params.login_hint } };
  ctx.redirect(await provider.interactionResult(ctx.req, ctx.res, result));
});

provider.listen(told.port, "127.0.0.1", () => console.log("listening"));
