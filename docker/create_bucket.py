"""Create the bucket that STORE names, unless it is there: what the stack's one-time service does for the store."""

import os
from urllib.parse import urlsplit

import boto3
from botocore.config import Config


def main() -> None:
    """Create it; the credentials and the endpoint are the standard AWS variables'."""
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
