"""Background work: Celery only rings the bell. Everything that is due is a row in PostgreSQL.

``app`` is the Celery application and what each worker process needs; ``schedule`` says when to look; there is one
thin file per concept that has background work. A task takes ids, looks at the rows, and does what is due once: tasks
may be lost, repeated, and run side by side.
"""
