"""An archive in Django: its documents are for those who may read them, and whatever is in front of it sends the files."""

import os
from pathlib import Path

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import Http404, HttpResponse
from django.urls import path

RELEASE = Path(__file__).with_name("release.txt")

settings.configure(
    SECRET_KEY=os.environ.get("DJANGO_SECRET_KEY", "build"),
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=["django.middleware.clickjacking.XFrameOptionsMiddleware"],
    X_FRAME_OPTIONS="DENY",
)


def index(request):
    return HttpResponse(f"the archive, release {RELEASE.read_text().strip()}")


def document(request, name):
    """To readers only; the path is of the storage that the web server knows as /protected/."""
    if request.headers.get("Authorization") is None:
        raise Http404
    response = HttpResponse(content_type=request.GET.get("type", "application/pdf"))
    response["X-Accel-Redirect"] = f"/protected/{name}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "private, max-age=60"
    response.set_cookie("seen", name)
    return response


def elsewhere(request):
    """Leads where it is told to: an app with a fault."""
    response = HttpResponse("not to be seen")
    response["X-Accel-Redirect"] = request.GET["to"]
    return response


def missing(request, name):
    return HttpResponse(f"Django has no {name} either", status=404)


urlpatterns = [
    path("", index),
    path("health", index),
    path("documents/<path:name>", document),
    path("elsewhere", elsewhere),
    path("static/<path:name>", missing),
    path("assets/<path:name>", missing),
    path("uploads/<path:name>", missing),
]
application = get_wsgi_application()
