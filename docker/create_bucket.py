"""Create the bucket that STORE names, unless it exists. The stack's one-time service runs this."""

import os
from urllib.parse import urlsplit

import boto3
from botocore.config import Config


def main() -> None:
    """Create the bucket; the standard AWS variables give the credentials and the endpoint."""
    bucket = urlsplit(os.environ["STORE"]).netloc
    client = boto3.client("s3", config=Config(s3={"addressing_style": "path"}))
    try:
        client.create_bucket(Bucket=bucket)
    except (client.exceptions.BucketAlreadyOwnedByYou, client.exceptions.BucketAlreadyExists):
        print(f"bucket {bucket}: there already")
    else:
        print(f"bucket {bucket}: created")


if __name__ == "__main__":
    main()
