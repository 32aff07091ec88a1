"""As whom containers run."""

IMAGE_USER = 10001  # the user as whom our images run


def container_user(rootless: bool, uid: int, gid: int) -> str:
    """uid:gid in the containers: the image's for root, else the operator's, whom rootless maps to 0."""
    if rootless:
        return "0:0"
    return f"{IMAGE_USER}:{IMAGE_USER}" if uid == 0 else f"{uid}:{gid}"
