-- The service itself writes no event: es.append does, as the owner. ADR 0012.

REVOKE INSERT ON es.events, es.requests FROM {{app}};
