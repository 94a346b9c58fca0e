"""Events in other people's forms: JSON Lines and its schema, Arrow, ECS, OpenTelemetry, Prometheus.

Each module maps an `OomEvent` to one form and imports no client library of whoever reads it.
"""
