from django.contrib import admin
from django.db import connection
from django.http import HttpResponse
from django.urls import path


def healthz(request):
    with connection.cursor() as cursor:
        cursor.execute('SELECT 1')
    return HttpResponse('ok')


urlpatterns = [
    path('admin/', admin.site.urls),
    path('healthz', healthz),
]
