#!/bin/sh
# Starts one member of the set: start.sh primary | replica | sentinel
#
#   DATA_DIR           its own folder, written to. Required.
#   REDIS_PASSWORD     of the servers' administrator, the user "default". Required.
#   WEB_PASSWORD       of the user "web", for web apps. Required for a server.
#   APP_PASSWORD       of the user "app", for the Functions app. Required for a server.
#   SENTINEL_PASSWORD  of the sentinels. Required for a sentinel.
#   PRIMARY            host:port of the first primary. Required for a replica and a sentinel.
#   ANNOUNCE           host that the others reach this one by. Required.
#   PORT               to listen on. Default: 6379, a sentinel's 26379.
#   TLS_DIR            folder with ca.pem, cert.pem and key.pem: then TLS is the only way in. Default: no TLS.
#   DOWN_AFTER_MS      silence after which a sentinel holds the primary for dead. Default: 3000.
#   FAILOVER_TIMEOUT_MS  for one failover; another of the same primary waits twice as long. Default: 10000.
#   REDIS_SERVER       the program. Default: redis-server.
#
# Its folder outlives it: whoever has been promoted since is the primary after a restart of all.
set -eu

role=$1
here=$(cd "$(dirname "$0")" && pwd)
server=${REDIS_SERVER:-redis-server}
conf=$DATA_DIR/$role.conf
umask 077

tls() {
  [ -n "${TLS_DIR:-}" ] || { echo "port $1"; return; }
  echo "port 0"
  echo "tls-port $1"
  echo "tls-ca-cert-file $TLS_DIR/ca.pem"
  echo "tls-cert-file $TLS_DIR/cert.pem"
  echo "tls-key-file $TLS_DIR/key.pem"
  echo "tls-auth-clients no"
  echo "tls-replication yes"
}

# The least it needs, see docs/security.md.
user() { echo "user $1 on >$2 $(sed -n "s/^$1 //p" "$here/rights")"; }

primary_host() { echo "${PRIMARY%:*}"; }
primary_port() { echo "${PRIMARY##*:}"; }

if [ ! -f "$conf" ]; then
  case $role in
    primary | replica)
      {
        cat "$here/redis.conf"
        tls "${PORT:-6379}"
        echo "dir $DATA_DIR"
        echo "requirepass $REDIS_PASSWORD"
        echo "masterauth $REDIS_PASSWORD"
        user web "$WEB_PASSWORD"
        user app "$APP_PASSWORD"
        echo "replica-announce-ip $ANNOUNCE"
        echo "replica-announce-port ${PORT:-6379}"
        if [ "$role" = replica ]; then echo "replicaof $(primary_host) $(primary_port)"; fi
      } > "$conf"
      ;;
    sentinel)
      {
        cat "$here/sentinel.conf"
        tls "${PORT:-26379}"
        echo "dir $DATA_DIR"
        echo "requirepass $SENTINEL_PASSWORD"
        echo "sentinel sentinel-pass $SENTINEL_PASSWORD"
        echo "sentinel announce-ip $ANNOUNCE"
        echo "sentinel announce-port ${PORT:-26379}"
        echo "sentinel monitor steward $(primary_host) $(primary_port) 2"
        echo "sentinel auth-pass steward $REDIS_PASSWORD"
        echo "sentinel down-after-milliseconds steward ${DOWN_AFTER_MS:-3000}"
        echo "sentinel failover-timeout steward ${FAILOVER_TIMEOUT_MS:-10000}"
        echo "sentinel parallel-syncs steward 1"
      } > "$conf"
      ;;
    *)
      echo "expected primary, replica or sentinel, got $role" >&2
      exit 2
      ;;
  esac
fi

if [ "$role" = sentinel ]; then exec "$server" "$conf" --sentinel; fi
exec "$server" "$conf"
