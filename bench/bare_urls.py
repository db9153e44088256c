"""What `bench.bare_view` serves."""

from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

application = get_wsgi_application()  # before the rows can be imported

from worker.storage.models import SignUp  # noqa: E402


@csrf_exempt
def insert(request: HttpRequest) -> HttpResponse:
    """Store the row."""
    form = request.POST
    SignUp.objects.create(email=form["email"], newsletters=form.getlist("newsletters"), shown={}, form="bare")
    words = b"Check your inbox.\n"
    return HttpResponse(words, content_type="text/plain; charset=utf-8", headers={"Content-Length": str(len(words))})


urlpatterns = [path("subscribe/", insert)]
