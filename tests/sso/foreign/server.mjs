// Providers of another make: node server.mjs '{"ports":[…],"accounts":FILE,…}'. Prints {"issuers":[…]} once; runs until killed.
import { readFileSync } from "node:fs";
import { Provider } from "oidc-provider";

const told = JSON.parse(process.argv[2]);
// Read for each question, so that a test may change what a provider says of a person.
const accountsOf = (number) => JSON.parse(readFileSync(told.accounts, "utf8"))[number] ?? {};

const issuers = await Promise.all(told.ports.map(async (port, number) => {
    const issuer = `http://127.0.0.1:${port}`;
    const provider = new Provider(issuer, {
        clients: [{
            client_id: told.client_id, client_secret: told.client_secret, redirect_uris: told.redirect_uris,
            grant_types: ["authorization_code"], response_types: ["code"],
        }],
        claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
        features: { devInteractions: { enabled: false } },
        pkce: { required: () => true },
        cookies: { keys: ["of-the-tests"], names: { session: `session${port}`, interaction: `interaction${port}`, resume: `resume${port}` } },
        ttl: { Session: 600, Interaction: 600, Grant: 600, AccessToken: 600, IdToken: 600, AuthorizationCode: 60 },
        findAccount: (_context, id) => accountsOf(number)[id] && { accountId: id, claims: () => ({ sub: id, ...accountsOf(number)[id] }) },
        interactions: { url: (_context, interaction) => `/login/${interaction.uid}` },
        loadExistingGrant: async (context) => {
            const grant = new context.oidc.provider.Grant({ clientId: context.oidc.client.clientId, accountId: context.oidc.session.accountId });
            grant.addOIDCScope("openid email profile");
            await grant.save();
            return grant;
        },
    });
    provider.use(async (context, next) => {
        if (!context.path.startsWith("/login/")) return next();
        if (context.method === "GET") {
            context.type = "html";
            context.body = `<!doctype html><title>Provider ${number}</title><form method="post"><input name="account" autofocus><button>Sign in</button></form><form method="post"><button name="cancel" value="1" id="cancel">Cancel</button></form>`;
            return undefined;
        }
        let body = "";
        for await (const piece of context.req) body += piece;
        const given = new URLSearchParams(body);
        const result = given.has("cancel")
            ? { error: "access_denied", error_description: "cancelled" }
            : { login: { accountId: given.get("account") } };
        context.redirect(await provider.interactionResult(context.req, context.res, result, { mergeWithLastSubmission: false }));
        return undefined;
    });
    await new Promise((resolve) => { provider.listen(port, "127.0.0.1", resolve); });
    return issuer;
}));
console.log(JSON.stringify({ issuers }));
