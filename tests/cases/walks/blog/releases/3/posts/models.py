from django.db import models


class Post(models.Model):
    title = models.CharField(max_length=200)
    words = models.IntegerField(default=0)
    summary = models.CharField(max_length=200, blank=True, db_default="")
    published = models.BooleanField(db_default=True)
