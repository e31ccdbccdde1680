"""The company's resources in two public clouds: one bill line per resource and day.

Amounts are decimal text, because bills are exact and the pipeline must keep them so.
"""

from dataclasses import dataclass
from datetime import date

AWS_SHOP = ("520184637290", "vauban-shop-prod")
AWS_LAKE = ("410293847561", "vauban-lake-prod")  # a rule on the account id finds its application
AWS_BI = ("638475920114", "vauban-bi-prod")  # a rule on the account's name finds its application
AWS_LABS = ("771029384756", "vauban-labs")  # matches no rule: UNALLOCATED
AZURE_CORPORATE = ("/subscriptions/5e8d1f40-7c2a-4b96-9f03-d16b8ac47e25", "vauban-corporate")
AZURE_DELIVERY = ("/subscriptions/b27c6e13-94fa-4d08-8a5b-0c71e3f2d964", "vauban-delivery")


@dataclass(frozen=True)
class Provider:
    """A cloud provider: the names and the currency it bills under."""

    name: str
    publisher: str
    invoice_issuer: str
    account_id: str
    account_name: str
    currency: str
    region: tuple[str, str]


@dataclass(frozen=True)
class Service:
    """A resource in use: `quantity` units on an ordinary day, at `price` each in the provider's currency."""

    name: str
    category: str
    resource_id: str
    account: tuple[str, str]
    application: str | None
    sku: str
    unit: str
    quantity: str
    price: str
    committed: bool = False
    tag: str = "application"
    since: date | None = None


AWS = Provider(
    name="AWS",
    publisher="Amazon Web Services, Inc.",
    invoice_issuer="Amazon Web Services EMEA SARL",
    account_id="904817263540",
    account_name="Vauban",
    currency="USD",
    region=("eu-west-3", "Europe (Paris)"),
)
AZURE = Provider(
    name="Microsoft",
    publisher="Microsoft",
    invoice_issuer="Microsoft Ireland Operations Limited",
    account_id="/providers/Microsoft.Billing/billingAccounts/78120934",
    account_name="Vauban",
    currency="EUR",
    region=("francecentral", "France Central"),
)

EC2 = "Amazon Elastic Compute Cloud"
AWS_SERVICES = (
    Service(EC2, "Compute", "i-0a41c7d2e9", AWS_SHOP, "SHOP-WEB",
            "EC2M6I4XL8TQ2Z", "Hours", "96", "0.896"),
    Service(EC2, "Compute", "i-0c93b8f154", AWS_SHOP, "PAYMENTS",
            "EC2M6I2XL5RW7K", "Hours", "72", "0.448", committed=True),
    Service(EC2, "Networking", "i-0f27e6a3b8", AWS_SHOP, "search",
            "EC2DTOUT7QH2M9XK", "GB", "410.25", "0.0885"),
    Service("Amazon Simple Storage Service", "Storage", "vauban-lake", AWS_LAKE, None,
            "S3STD4VN6P", "GB-Mo", "1326.4418", "0.0230712"),
    Service("Amazon Relational Database Service", "Databases", "orders-pg", AWS_SHOP, "ORDERS",
            "RDSR6G2XL9", "Hours", "48", "1.0371"),
    Service("Amazon DynamoDB", "Databases", "carts", AWS_SHOP, "SHOP-MOBILE",
            "DDBWRU2K8", "WriteRequestUnits", "21400000", "0.000001469"),
    Service("AWS Lambda", "Compute", "score-payment", AWS_SHOP, "FRAUD",
            "LMBGBS3X1", "GB-Seconds", "934216.5", "0.0000166667", since=date(2026, 4, 13)),
    Service("Amazon CloudFront", "Networking", "EDFDVBD6EXAMPLE", AWS_SHOP, "SHOP-WEB",
            "CFEUOUT71", "GB", "1180.75", "0.0721"),
    Service("Elastic Load Balancing", "Networking", "app/shop", AWS_SHOP, "WEBSHOP",
            "ELBLCU5W2", "LCU-Hours", "61.4", "0.0084"),
    Service("Amazon Simple Queue Service", "Integration", "order-events", AWS_SHOP, "ORDERS",
            "SQSREQ9T4", "Requests", "3850000", "0.0000004"),
    Service("Amazon Athena", "Analytics", "workgroup/dashboards", AWS_BI, None,
            "ATHTB6Y3", "TB", "3.2714", "5.25"),
    Service("Amazon SageMaker", "AI and Machine Learning", "notebook/try", AWS_LABS, None,
            "SGMLT3XL7", "Hours", "11.5", "0.2254", since=date(2026, 5, 4)),
)  # fmt: skip
AZURE_SERVICES = (
    Service("Virtual Machines", "Compute", "vm-erp-batch", AZURE_CORPORATE, "ERP",
            "DZH318Z0BQ4L", "1 Hour", "48", "0.6234"),
    Service("Virtual Machines", "Compute", "vm-route-planner", AZURE_DELIVERY, "DELIVERY",
            "DZH318Z0BQ5C", "1 Hour", "24", "0.8312"),
    Service("SQL Database", "Databases", "sql-hr", AZURE_CORPORATE, "HR-PORTAL",
            "DZH318Z0BQGM", "1 Hour", "24", "0.5718"),
    Service("Storage Accounts", "Storage", "stvaubanerp", AZURE_CORPORATE, None,
            "DZH318Z0BP04", "1 GB/Month", "212.6", "0.018431"),
    Service("Azure Kubernetes Service", "Compute", "aks-delivery", AZURE_DELIVERY, "DELIVERY",
            "DZH318Z09TZ2", "1 Hour", "72", "0.3489", tag=" application"),
    Service("Azure Monitor", "Management and Governance", "log-vauban", AZURE_CORPORATE, "MON01",
            "DZH318Z0D1L7", "1 GB", "38.45", "2.2944"),
    Service("Bandwidth", "Networking", "pip-wms", AZURE_CORPORATE, "WMS",
            "DZH318Z09PVZ", "1 GB", "146.3", "0.0731"),
    Service("Key Vault", "Security", "kv-pay-prod", AZURE_DELIVERY, None,
            "DZH318Z0BNX4", "10K", "17.2105", "0.0261"),
    Service("Functions", "Compute", "func-labels", AZURE_DELIVERY, "DELIVERY",
            "DZH318Z0BZNL", "1 GB Second", "302144.25", "0.0000138"),
    Service("Event Hubs", "Integration", "evh-parcels", AZURE_DELIVERY, "DELIVERY",
            "DZH318Z0BS8J", "1M", "41.8", "0.0247"),
    Service("Azure Cosmos DB", "Databases", "cosmos-parcels", AZURE_DELIVERY, "DELIVERY",
            "DZH318Z0BXN8", "1/Hour", "240", "0.0071"),
    Service("Power BI Embedded", "Analytics", "pbi-finance", AZURE_CORPORATE, "BI",
            "DZH318Z0C2QX", "1 Hour", "10", "0.9143", since=date(2026, 1, 5)),
)  # fmt: skip
