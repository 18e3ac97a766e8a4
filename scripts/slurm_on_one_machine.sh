#!/usr/bin/env bash
# Sets up a SLURM of one node on this Debian or Ubuntu machine, as root, to try --slurm with:
#   sudo bash scripts/slurm_on_one_machine.sh           installs slurm-wlm and munge if need be, and starts them
#   sudo bash scripts/slurm_on_one_machine.sh --stop    stops them
# It replaces /etc/slurm/slurm.conf: not for a machine that belongs to a cluster.
set -euo pipefail

stop() {
  for daemon in slurmctld slurmd; do
    if [ -s "/run/$daemon.pid" ]; then kill "$(cat "/run/$daemon.pid")" 2>/dev/null || true; fi
  done
}

if [ "${1:-}" = --stop ]; then stop; exit; fi
if ! command -v slurmctld slurmd munged >/dev/null; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends slurm-wlm munge
fi

host=$(hostname -s)
mkdir -p /etc/slurm /var/spool/slurmctld /var/spool/slurmd /run/munge
cat > /etc/slurm/slurm.conf <<CONF
ClusterName=one
SlurmctldHost=$host(127.0.0.1)
AuthType=auth/munge
SlurmUser=root
StateSaveLocation=/var/spool/slurmctld
SlurmdSpoolDir=/var/spool/slurmd
SlurmctldPidFile=/run/slurmctld.pid
SlurmdPidFile=/run/slurmd.pid
SlurmctldLogFile=/var/log/slurmctld.log
SlurmdLogFile=/var/log/slurmd.log
# No init system is taken for granted: containers have none.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=$(($(awk '/MemTotal/ {print $2}' /proc/meminfo) / 1024 - 500))
PartitionName=main Nodes=$host Default=YES MaxTime=INFINITE State=UP OverSubscribe=YES
CONF

if ! pgrep -x munged >/dev/null; then
  [ -s /etc/munge/munge.key ] || (umask 077 && head -c 1024 /dev/urandom > /etc/munge/munge.key)
  chown -R munge: /etc/munge /run/munge
  su -s /bin/sh munge -c /usr/sbin/munged
fi
stop
sleep 1
slurmctld && slurmd || true  # what is wrong stands in their logs
for _ in $(seq 30); do
  if [ "$(sinfo --noheader --format=%t 2>/dev/null)" = idle ]; then sinfo; exit; fi
  sleep 1
done
echo "slurm_on_one_machine.sh: the node is not idle; see /var/log/slurmctld.log and /var/log/slurmd.log" >&2
exit 1
