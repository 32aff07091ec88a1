from django.http import HttpResponse
from django.shortcuts import render

from .models import Post


def index(request):
    return render(request, "index.html", {"posts": Post.objects.filter(published=True)})


def health(request):
    return HttpResponse("OK")
