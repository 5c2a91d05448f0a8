"""The very docker-compose.yml, brought up on an engine of our own, loaded, killed, taken down.

For a machine without an engine and without an image registry: Debian's packages run the engine,
stand-ins under the makers' names run the same releases. What is not tried is the makers' own
images. Run as root: `python -m infra.compose_test`.
"""
