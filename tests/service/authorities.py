"""Certificates as an organisation of its own makes them: an authority, and what it signs for servers and gateways."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME = timedelta(days=30)
NO_USAGE = dict.fromkeys(
    (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    ),
    False,
)


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate and its key, as files."""

    certificate: Path
    key: Path

    @property
    def pair(self) -> tuple[str, str]:
        return str(self.certificate), str(self.key)


class Authority:
    """Signs certificates; its own lies in `certificate`."""

    def __init__(self, directory: Path, name: str, now: datetime) -> None:
        self._directory = directory
        self._now = now
        self._name = _name(name)
        self._key = ec.generate_private_key(ec.SECP256R1())
        usage = x509.KeyUsage(**{**NO_USAGE, "key_cert_sign": True, "crl_sign": True})
        builder = self._builder(self._name, self._key, now + LIFETIME)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        builder = builder.add_extension(usage, critical=True)
        directory.mkdir(parents=True, exist_ok=True)
        self.certificate = directory / f"{name}.pem"
        self.certificate.write_bytes(_pem(builder.sign(self._key, hashes.SHA256())))

    def server(self, name: str, hosts: Sequence[str] = ("127.0.0.1",)) -> Identity:
        """A server at these addresses."""
        names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(host)) for host in hosts])
        return self._signed(name, ExtendedKeyUsageOID.SERVER_AUTH, self._now + LIFETIME, (names,))

    def gateway(self, name: str, ends: datetime | None = None) -> Identity:
        """A client."""
        return self._signed(name, ExtendedKeyUsageOID.CLIENT_AUTH, ends or self._now + LIFETIME)

    def _signed(
        self, name: str, usage: x509.ObjectIdentifier, ends: datetime, more: Sequence[x509.ExtensionType] = ()
    ) -> Identity:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(_name(name), key, ends)
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        builder = builder.add_extension(x509.KeyUsage(**{**NO_USAGE, "digital_signature": True}), critical=True)
        for extension in more:
            builder = builder.add_extension(extension, critical=False)
        identity = Identity(self._directory / f"{name}.pem", self._directory / f"{name}.key")
        identity.certificate.write_bytes(_pem(builder.sign(self._key, hashes.SHA256())))
        identity.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return identity

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, ends: datetime) -> x509.CertificateBuilder:
        public, ours = key.public_key(), self._key.public_key()
        return (
            x509.CertificateBuilder(issuer_name=self._name, subject_name=subject, public_key=public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - LIFETIME)
            .not_valid_after(ends)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ours), critical=False)
        )


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
