"""Small catalogues in the style of published ones, written for these tests."""

from typing import Final

SMALL: Final = """\
syntaxVersion: '2.1'
saasName: Chatty
version: '2026'
createdAt: '2026-01-01'
currency: EUR
billing:
  monthly: 1.0
  annual: 0.8
features:
  chat:
    valueType: BOOLEAN
    defaultValue: true
    type: DOMAIN
  shopify:
    valueType: BOOLEAN
    defaultValue: false
    type: INTEGRATION
    integrationType: WEB_SAAS
usageLimits:
  conversations:
    valueType: NUMERIC
    defaultValue: 1000
    unit: conversation/month
    type: RENEWABLE
    linkedFeatures:
    - chat
  seats:
    valueType: NUMERIC
    defaultValue: 2
    unit: seat
    type: NON_RENEWABLE
plans:
  BASIC:
    description: To begin with
    price: 10
    unit: /month
    features: null
    usageLimits: null
  PRO:
    description: For teams
    price: 29.26
    unit: /month
    features:
      shopify:
        value: true
    usageLimits:
      conversations:
        value: 5000
      seats:
        value: .inf
  ENTERPRISE:
    price: Contact sales
    unit: /month
    features: null
    usageLimits: null
addOns: null
"""

ONLY_ADD_ONS: Final = """\
syntaxVersion: '2.1'
saasName: Building blocks
createdAt: '2024-07-24'
currency: USD
features:
  # Single Sign-On
  3rdPartyIntegration:
    description: ""
    valueType: BOOLEAN
    defaultValue: false
    type: INTEGRATION
    integrationType:
  99.99%Uptime:
    description: null
    valueType: BOOLEAN
    defaultValue: false
    type: GUARANTEE
usageLimits: null
plans: null
addOns:
  SSO:
    availableFor: null
    price: 2
    unit: user/month
    features:
      3rdPartyIntegration:
        value: true
    usageLimits: null
    usageLimitsExtensions: null
  ADAPTIVE_SSO:
    dependsOn:
    - SSO
    price: 5
    unit: user/month
    features:
      99.99%Uptime:
        value: true
"""

EXPRESSIONS: Final = """\
syntaxVersion: 2.1
saasName: Formula
createdAt: 2025-03-06
currency: USD
variables:
  base: 15.00
  factor: '1.3'
features:
  payment:
    valueType: TEXT
    defaultValue:
    - CARD
    - INVOICE
    type: PAYMENT
  uptime:
    valueType: TEXT
    defaultValue: 99.99%
    type: GUARANTEE
    expression: userContext['uptime'] == '99.99%'
    serverExpression: null
    render: ENABLED
  contractReview:
    valueType: TEXT
    defaultValue: None
    type: SUPPORT
usageLimits:
  support:
    valueType: TEXT
    defaultValue: two days
    unit: ''
    type: TIME_DRIVEN
  archive:
    valueType: BOOLEAN
    defaultValue: true
    unit: ''
    type: RESPONSE_DRIVEN
    linkedFeatures: null
plans:
  STARTER:
    price: "12"
    unit: user/month
  PRO:
    price: "#base * #factor"
    unit: user/month
    features:
      uptime:
        value: true
  LEGACY:
    private: true
    price: 1
    unit: user/month
addOns:
  SEATS:
    availableFor: [PRO]
    excludes: [SETUP]
    price: "2 * (#base - 5)"
    unit: seat
  SETUP:
    price: See rates
    unit: one-time payment
"""

ANCHORS: Final = """\
syntaxVersion: '2.1'
saasName: Anchored
createdAt: '2025-01-01'
currency: €
features:
  one: &flag
    valueType: BOOLEAN
    defaultValue: false
    type: DOMAIN
  two:
    <<: *flag
    type: MANAGEMENT
plans:
  A:
    price: 5
    features: &all
      one: {value: true}
      two: {value: true}
  B:
    price: 5
    features: *all
  FREE:
    price: Free
"""

PUBLISHED_STYLE: Final = {"only add-ons": ONLY_ADD_ONS, "expressions": EXPRESSIONS, "anchors": ANCHORS, "small": SMALL}
