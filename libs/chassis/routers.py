"""All that a service answers: its own routers and those that every service has. The one list that
the app, the OpenAPI document and the tests of every route read."""

from __future__ import annotations

from fastapi import APIRouter

from . import approvals, attachments, factor_routes, objections, reference, subscriptions, tasks
from .common_routes import common_router
from .exports.routes import exports_router
from .files import routes as files
from .imports import job_routes
from .imports import routes as imports
from .service import Service


def routers_of(service: Service) -> tuple[APIRouter, ...]:
    """Its own first."""
    return (
        *service.routers,
        common_router(),
        tasks.router,
        subscriptions.router,
        reference.router,
        objections.router,
        approvals.router,
        factor_routes.router,
        files.router,
        attachments.router,
        *((imports.router, job_routes.router) if service.importers else ()),
        exports_router(service),
    )
