from django.contrib import admin

from .models import Member

admin.site.site_header = 'Club v1'
admin.site.register(Member)
