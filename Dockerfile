# The service: API, worker, beat and migrations, by command. No database in it (see compose.yaml).

FROM python:3.11-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
RUN python -m venv /venv
# What is installed changes less often than the code: a layer of its own, and with hashes.
COPY requirements/server.txt requirements/
RUN /venv/bin/pip install --require-hashes -r requirements/server.txt
COPY ledger ledger
COPY workers workers
COPY migrations migrations
# The code is copied to where Python looks, rather than built: that needs no further package.
RUN cp -r ledger workers migrations "$(/venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/" \
    && printf '#!/venv/bin/python\nfrom ledger.cli import main\nmain()\n' > /venv/bin/credit-ledger \
    && chmod 755 /venv/bin/credit-ledger \
    && /venv/bin/python -m compileall -q /venv

FROM python:3.11-slim
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent ledger
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    LEDGER_HOST=0.0.0.0 \
    LEDGER_PORT=8400
USER 10001:10001
WORKDIR /tmp
EXPOSE 8400
STOPSIGNAL SIGTERM
ENTRYPOINT ["credit-ledger"]
CMD ["serve"]
