#!/usr/bin/env bash
# Runs every finding, one after the other, and says which still hold: `make findings`.
cd "$(dirname "$0")" || exit 2
changed=()
for script in *.sh; do
    [ "$script" = run.sh ] && continue
    echo "== $script"
    timeout 900 bash "$script" || changed+=("$script")
done
echo
if [ ${#changed[@]} -gt 0 ]; then
    echo "No longer as found, or not to be run here: ${changed[*]}"
    exit 1
fi
echo "All findings hold."
