# The sandbox image: an interpreter, the packages that a submission may use, and the worker. Nothing else of the grader.
#
#   docker build -t grader-sandbox .                             where a registry and a package index are reached
#   make image                                                   where they are not (scripts/make_image.sh)
#
# What changes rarely comes first, so that a change of the worker rebuilds in seconds. A folder `wheels` beside this
# file, if there is one, is all that pip sees.
ARG BASE_IMAGE=python:3.11-slim-bookworm

FROM ${BASE_IMAGE} AS packages
# Of torch's builds for Linux the one for CPUs is enough: name the index that has it, or the default index's is taken.
ARG EXTRA_INDEX_URL=""
RUN python3 -m venv /opt/venv
COPY constraints.txt wheel[s] /build/
RUN if ls /build/*.whl >/dev/null 2>&1; then index="--no-index --find-links /build"; \
    else index="${EXTRA_INDEX_URL:+--extra-index-url $EXTRA_INDEX_URL}"; fi \
    && /opt/venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check --only-binary :all: $index \
       -c /build/constraints.txt torch==2.13.0 numpy==2.4.6 safetensors==0.8.0 pytest==9.2.0 \
    && /opt/venv/bin/python -m pip uninstall -y pip
# The interpreter is the one program that is needed.
RUN find /opt/venv/bin -type f -delete && rm -f /opt/venv/lib/python3*/site-packages/torch/bin/protoc*

# What a submission could use against us and never needs is taken out: every program but the interpreter, pip and what
# installs it, package managers with their scripts, perl's modules, and set-user-id bits. dpkg's list of what is installed
# stays, for scanners. What runs last takes the shell away.
FROM ${BASE_IMAGE} AS system
RUN mkdir -p /submission \
    && find / -xdev -type f -perm /6000 -exec chmod a-s {} + \
    && rm -rf /usr/lib/python3*/ensurepip /usr/local/lib/python3*/ensurepip /usr/share/python-wheels \
       /usr/lib/python3*/dist-packages /usr/local/lib/python3*/site-packages /usr/local/lib/python3*/dist-packages \
       /usr/lib/apt /usr/lib/dpkg /usr/lib/gcc* /usr/libexec /usr/share/perl* /usr/lib/*/perl* /etc/apt /etc/dpkg \
       /etc/cron* /etc/init.d /usr/share/bug /usr/share/debconf /usr/share/doc /usr/share/man /usr/include \
       /var/lib/apt /var/cache/apt /var/lib/dpkg/info \
    && exec find /bin/ /sbin/ /usr/bin /usr/sbin /usr/local/bin /usr/local/sbin ! -type d \
       ! \( -name 'python3*' ! -name '*-config' \) -delete

# One layer of what is left: nothing that was taken out lies beneath it.
FROM scratch
COPY --from=system / /
COPY --from=packages /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin
COPY grader/__init__.py grader/wire.py /opt/grader/grader/
COPY grader/worker/*.py /opt/grader/grader/worker/
USER 65534:65534
WORKDIR /tmp
CMD ["python3", "-I", "/opt/grader/grader/worker/__main__.py"]
