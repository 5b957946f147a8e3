# Outlives its parent by a moment: when standard input closes, because the parent ended in whatever way, it kills the
# servers that the parent left behind and removes their folders.
# Lines read: "+ PID FOLDER" (FOLDER may be empty) and "- PID".
trap '' HUP INT TERM
pids=''
while IFS=' ' read -r sign pid folder; do
  if [ "$sign" = + ]; then
    pids="$pids $pid"
    eval "folder_$pid=\$folder"
  else
    left=''
    for p in $pids; do [ "$p" = "$pid" ] || left="$left $p"; done
    pids=$left
  fi
done
for p in $pids; do kill -9 "$p" 2>/dev/null; done
[ -z "$pids" ] || sleep 0.2
for p in $pids; do
  eval "folder=\$folder_$p"
  [ -z "$folder" ] || rm -rf -- "$folder"
done
