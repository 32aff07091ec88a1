from django.db import models


class Member(models.Model):
    name = models.CharField(max_length=100)

    since = models.DateField(auto_now_add=True, null=True)

    def __str__(self):
        return self.name
