# One image for every Nightfill process: the command says which one. docker-compose.yml shows them all.
FROM node:24-bookworm-slim AS packages
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm install --omit=dev --no-save --no-fund --no-audit --ignore-scripts

FROM node:24-bookworm-slim
RUN apt-get update \
  && apt-get install -y --no-install-recommends ffmpeg tini \
  && rm -rf /var/lib/apt/lists/* \
  && install -d -o node -g node /data /secrets
WORKDIR /app
COPY --from=packages /app/node_modules ./node_modules
COPY package.json tsconfig.json LICENSE README.md ./
COPY docs ./docs
COPY shared ./shared
COPY services ./services
COPY workers ./workers
COPY scripts ./scripts
ENV NODE_ENV=production \
    NODE_OPTIONS=--disable-warning=ExperimentalWarning \
    NIGHTFILL_HOST=0.0.0.0 \
    NIGHTFILL_PORT=8080 \
    NIGHTFILL_SCRATCH_DIR=/data/scratch \
    NIGHTFILL_APPLIANCE_DIR=/data/appliance
USER node
VOLUME /data
EXPOSE 8080
# 127.0.0.1 and not localhost: the name may mean an IPv6 address that nobody listens on.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=6 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8080/readyz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["tini", "--"]
CMD ["node", "services/console/main.ts"]
