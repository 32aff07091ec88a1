"""Makes the images of the stack.

Base images are pulled where a registry answers, and made from Debian packages where none does. Every image
carries the hash of what it was made from in a label, and is made again only when that hash has changed.
"""
