#!/bin/sh
# Doubles a whole number.
if [ $# -ne 1 ]; then
  echo "usage: double N" >&2
  exit 2
fi
case $1 in
  ''|*[!0-9]*)
    echo "no whole number: $1" >&2
    exit 2
    ;;
esac
echo $(($1 * 2))
