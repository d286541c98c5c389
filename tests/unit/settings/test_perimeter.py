"""What an address may be, and which of them a run may reach."""

import pytest

from tasks.errors import RequestError
from tasks.settings.addresses import checked_address
from tasks.settings.perimeter import Perimeter, is_public


@pytest.mark.parametrize(
    "address",
    ["https://example.org/data", "http://127.0.0.1:8000", "s3://bucket/prefix", "/a folder", "file:///a%20folder"],
)
def test_an_address_is_of_the_web_of_a_bucket_or_a_folder(address):
    """The documented kinds of mirror pass as they are."""
    assert checked_address(address) == address


@pytest.mark.parametrize(
    "address",
    [
        "ftp://example.org", "gopher://example.org", "javascript:alert(1)", "data:text/plain,x", "folder", "../folder",
        "", "//example.org/x", "http://", "s3:///x", "file://host/x", "file:x", "http://example.org:99999", "http://[::1",
        "http://me:secret@example.org", "http://me@example.org", "/a\nb", "/a\0b", "file:///%00", "http://a/\x1b[2J",
        "/\ud800", "/" + "a" * 1000, "https://a/b?X-Amz-Signature=1", "https://a/b?x=1&sig=2", "https://a/b?access_token=",
    ],
)  # fmt: skip
def test_any_other_text_is_no_address(address):
    """Other schemes, relative folders, passwords, tokens, control characters and endless ones are refused."""
    with pytest.raises(ValueError, match=r"expected|Port|IPv6"):
        checked_address(address)


@pytest.mark.parametrize("ip", ["1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"])
def test_the_public_internet_is_public(ip):
    """An IPv4 address is what it is in IPv6 notation too."""
    assert is_public(ip)


@pytest.mark.parametrize(
    "ip",
    [
        "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "255.255.255.255", "::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1",
        "2002:7f00:1::",
    ],
)  # fmt: skip
def test_loopback_private_and_link_local_are_not(ip):
    """Nor shared, unspecified and multicast ones, nor an IPv4 address of that kind in IPv6 clothes."""
    assert not is_public(ip)


@pytest.mark.parametrize("address", ["{root}", "{root}/below", "file://{root}/below", "{root}/./below"])
def test_a_named_folder_may_be_read_with_all_below_it(tmp_path, address):
    """What the owner wrote down needs no other word."""
    Perimeter((str(tmp_path),)).check(address.format(root=tmp_path))


@pytest.mark.parametrize(
    "address", ["/etc", "{root}/..", "{root}/../other", "file://{root}/%2e%2e", "{root}2", "{root}/out"]
)
def test_no_other_folder_may(tmp_path, address):
    """No way up, no namesake, no link that leads out."""
    root = tmp_path / "root"
    root.mkdir()
    (root / "out").symlink_to("/etc")
    with pytest.raises(RequestError, match="expected a public address, or a folder in `allowed_addresses`"):
        Perimeter((str(root),)).check(address.format(root=root))


def test_a_named_server_is_one_scheme_host_and_port():
    """The neighbour on another port is somebody else."""
    perimeter = Perimeter(("http://10.0.0.1:8000/data", "/folder"))
    assert perimeter.admits(("http", "10.0.0.1", 8000), ["10.0.0.1"])
    assert not perimeter.admits(("http", "10.0.0.1", 22), ["10.0.0.1"])
    assert not perimeter.admits(("https", "10.0.0.1", 8000), ["10.0.0.1"])
    assert not perimeter.admits(("http", "example.org", 80), ["1.1.1.1", "10.0.0.1"])
