#!/bin/sh
# Is found in the place of ffmpeg, through a link in a folder that is the first of PATH, and hands over a video in
# $PARTS parts of the same size: none before the file `held-N` of that folder is gone, or the folder itself.
#
# The whole video is decoded first. So all of a part is there at once, and frames wait for workers, not workers for frames.
folder=${0%/*}
PATH=${PATH#*:}
[ "$1" = -version ] && exec ffmpeg "$@"
ffmpeg "$@" > "$folder/video" || exit
exec < "$folder/video"
part=$(($(wc -c < "$folder/video") / PARTS + 1))
for number in $(seq "$PARTS"); do
    while [ -e "$folder/held-$number" ]; do sleep 0.01; done
    head -c "$part"
done
