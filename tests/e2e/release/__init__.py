"""The commands of a release, from the first `bgctl up` to a promotion, also where they are interrupted."""
