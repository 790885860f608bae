"""Objects in a bucket, or files in a folder that stands for one: the client's way to them all.

    gs://BUCKET/NAME     Google Cloud Storage
    s3://BUCKET/NAME     S3, MinIO, Ceph: ``AWS_ENDPOINT_URL`` says where, or ``endpoint``
    a path               a disk, or what is mounted there

Every transfer is tried again within a deadline, held against the checksum of the other side,
and appears whole or not at all. What goes wrong is one line that begins with ``option``, the
option that the address came from. Containers use none of this: platforms give them paths.

    address     what a person wrote, checked
    objects     one object: exists, entries, read_bytes, read_json, download, upload
    trees       many: list_tree, download_tree, upload_tree
    weights     upload_weights: what a graph imports, under the name of its digest
    base        what a driver does; gcs, s3, disk are the drivers; lines says their errors
"""

from ifgan.storage.address import Address
from ifgan.storage.base import Stored
from ifgan.storage.objects import (
    bring,
    check,
    download,
    exists,
    open_driver,
    read_bytes,
    read_json,
    upload,
)
from ifgan.storage.trees import download_tree, list_tree, upload_tree
from ifgan.storage.weights import upload_weights, weights_address

__all__ = [
    "Address",
    "Stored",
    "bring",
    "check",
    "download",
    "download_tree",
    "exists",
    "list_tree",
    "open_driver",
    "read_bytes",
    "read_json",
    "upload",
    "upload_tree",
    "upload_weights",
    "weights_address",
]
